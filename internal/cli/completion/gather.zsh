#compdef gather
# Completion of gather for zsh. Where gather has nothing to offer, zsh offers files.
_gather() {
    local -a found
    found=("${(@f)$("${words[1]}" __complete zsh "${(@)words[2,CURRENT]}" 2>/dev/null)}")
    if [[ -z "${found[1]}" ]]; then
        _files
    else
        _describe gather found
    fi
}
compdef _gather gather
