/** A program with its arguments, never a shell line. */
export interface Command {
  file: string;
  args: readonly string[];
}

/** One way to start a command with fewer rights: the same command, started through another program. */
export type Layer = (command: Command) => Command;

/** The command within all layers; the first one is the outermost. */
export function confine(command: Command, layers: readonly Layer[]): Command {
  return layers.reduceRight((inner, layer) => layer(inner), command);
}
