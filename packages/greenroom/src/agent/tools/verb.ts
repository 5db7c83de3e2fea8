import { GreenroomAnswerError, GreenroomUnreachable } from '@greenroom/sdk/client';
import type { z } from 'zod';
import type { Answer, Call } from './answer.ts';
import type { ToolsContext } from './context.ts';

/** Something that the agent can do: a tool by MCP, a subcommand of `greenroom`. */
export interface Verb<S extends z.ZodObject = z.ZodObject> {
  /** Of the tool. */
  name: string;
  /** Of the subcommand. */
  command: string;
  title: string;
  /** For a model: what it does, when to use it, what it answers. */
  description: string;
  input: S;
  /** Field of the input that the subcommand takes without a flag. */
  positional?: string;
  readOnly: boolean;
  run(context: ToolsContext, input: z.output<S>, call: Call): Promise<Answer>;
}

/** A verb whose caller need not know its input: what was asked is judged by the schema. */
export function defineVerb<S extends z.ZodObject>(verb: Verb<S>): Verb {
  return {
    ...verb,
    input: verb.input,
    async run(context, input, call) {
      try {
        return await verb.run(context, verb.input.parse(input), call);
      } catch (error) {
        if (error instanceof GreenroomUnreachable) return unreachable(error);
        if (error instanceof GreenroomAnswerError)
          return { exit: 3, text: error.message, data: { success: false, code: 'unexpected_answer', error: error.message } };
        throw error;
      }
    },
  };
}

/** What is said when the orchestrator does not answer: starting it is not the agent's business. */
function unreachable({ reason }: GreenroomUnreachable): Answer {
  const text =
    `The orchestrator does not answer (${reason}), so nothing can be asked of it or deployed now; what is live goes on serving. ` +
    'It may be restarting: ask for the status once more after a while. Do not try to start or repair it; if it stays away, report that to the person.';
  return { exit: 3, text, data: { success: false, code: 'unreachable', error: text } };
}
