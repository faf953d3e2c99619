# Completion of gather for fish. Where gather has nothing to offer, fish offers files.
function __gather_complete
    set -l words (commandline -opc)
    set -l found (command $words[1] __complete fish $words[2..] (commandline -ct) 2>/dev/null)
    if test (count $found) -eq 0
        __fish_complete_path (commandline -ct)
    else
        printf '%s\n' $found
    end
end
complete -c gather -f -a '(__gather_complete)'
