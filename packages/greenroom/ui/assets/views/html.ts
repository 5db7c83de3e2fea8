/** Markup without a build step: tagged templates that make preact's nodes. */
import htm from '../vendor/htm.ts';
import { type ComponentChildren, h, type VNode } from '../vendor/preact.ts';

export const html = htm.bind(h) as (strings: TemplateStringsArray, ...values: unknown[]) => VNode;
export type Children = ComponentChildren;
