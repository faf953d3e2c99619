# Completion of gather for bash. Where gather has nothing to offer, bash offers files.
_gather() {
    local IFS=$'\n'
    COMPREPLY=($("$1" __complete bash "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o default -F _gather gather
