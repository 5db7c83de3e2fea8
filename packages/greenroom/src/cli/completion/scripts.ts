/** Completion scripts. Each asks the hidden `greenroom __complete WORD… PARTIAL`, which answers one `proposal<TAB>description` a line. */
export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

// COMP_WORDBREAKS splits at "=" and ":", hence the word is rebuilt from the line. Without a proposal the shell completes file names.
const bash = `# greenroom completion for bash
_greenroom() {
  local current="\${COMP_WORDS[COMP_CWORD]}" proposal
  COMPREPLY=()
  while IFS=$'\\t' read -r proposal _; do
    [[ "$proposal" == "$current"* ]] && COMPREPLY+=("$proposal")
  done < <("\${COMP_WORDS[0]}" __complete "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -o default -F _greenroom greenroom
`;

const zsh = `#compdef greenroom
# greenroom completion for zsh
_greenroom() {
  local -a proposals
  local proposal about
  while IFS=$'\\t' read -r proposal about; do
    proposals+=("\${proposal//:/\\\\:}:$about")
  done < <("\${words[1]}" __complete "\${(@)words[2,CURRENT]}" 2>/dev/null)
  if (( \${#proposals} )); then
    _describe 'greenroom' proposals
  else
    _files
  fi
}
compdef _greenroom greenroom
`;

const fish = `# greenroom completion for fish
function __greenroom_complete
  set -l words (commandline -opc)
  set -l program $words[1]
  set -e words[1]
  $program __complete $words (commandline -ct) 2>/dev/null
end
complete -c greenroom -a '(__greenroom_complete)'
`;

export const COMPLETION_SCRIPTS: Record<Shell, string> = { bash, zsh, fish };
