/** What the stand-in receives and sends, in the vendors' own types. Of Gemini's API their SDK has only the parts: the bodies are put together here. */
import type { BetaRawMessageStreamEvent, MessageCreateParamsStreaming } from '@anthropic-ai/sdk/resources/beta/messages';
import type { Content, GenerateContentResponse, GenerationConfig, SafetySetting, Tool, ToolConfig } from '@google/genai';
import type { ChatCompletionChunk, ChatCompletionCreateParamsStreaming } from 'openai/resources/chat/completions';
import type { ResponseCreateParamsStreaming, ResponseStreamEvent } from 'openai/resources/responses/responses';

export type ChatCompletionsRequest = ChatCompletionCreateParamsStreaming;
export type ChatCompletionsEvent = ChatCompletionChunk;
export type ResponsesRequest = ResponseCreateParamsStreaming;
export type ResponsesEvent = Extract<
  ResponseStreamEvent,
  {
    type:
      | 'response.created'
      | 'response.output_item.added'
      | 'response.output_item.done'
      | 'response.output_text.delta'
      | 'response.completed';
  }
>;
export type MessagesRequest = MessageCreateParamsStreaming;
export type MessagesEvent = BetaRawMessageStreamEvent;

export interface GenerateContentRequest {
  contents: Content[];
  systemInstruction?: Content;
  tools?: Tool[];
  toolConfig?: ToolConfig;
  safetySettings?: SafetySetting[];
  generationConfig?: GenerationConfig;
  cachedContent?: string;
}
export type GenerateContentEvent = Pick<GenerateContentResponse, 'candidates' | 'modelVersion' | 'responseId' | 'usageMetadata'>;
