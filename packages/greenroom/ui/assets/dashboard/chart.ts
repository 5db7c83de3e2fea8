import { useEffect, useRef } from '../vendor/hooks.ts';
import type { VNode } from '../vendor/preact.ts';
import uPlot from '../vendor/uplot.ts';
import { html } from '../views/html.ts';

const HEIGHT = 120;
const MINUTES_SHOWN = 5;

export interface ChartProps {
  title: string;
  /** Seconds since the epoch. */
  at: number[];
  lines: { live: (number | null)[]; previous: (number | null)[] };
  text(value: number): string;
}

/** A small chart of two lines over the last minutes. Its figures are in a table beside it, for those who do not see it. */
export function Chart({ title, at, lines: { live, previous }, text }: ChartProps): VNode {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const dark = useRef<MediaQueryList>(matchMedia('(prefers-color-scheme: dark)'));
  const values: uPlot.AlignedData = [at, previous, live];

  useEffect(() => {
    const box = place.current;
    if (!box) return undefined;
    const draw = (): void => {
      plot.current?.destroy();
      plot.current = new uPlot(options(box.clientWidth, colours(box), text), values, box);
    };
    draw();
    const size = new ResizeObserver(() => plot.current?.setSize({ width: box.clientWidth, height: HEIGHT }));
    size.observe(box);
    dark.current.addEventListener('change', draw);
    return () => {
      size.disconnect();
      dark.current.removeEventListener('change', draw);
      plot.current?.destroy();
      plot.current = null;
    };
  }, []);
  useEffect(() => plot.current?.setData(values), [at.at(-1), at.length]);

  const now = live.at(-1);
  return html`<figure class="chart">
    <figcaption>${title} <strong>${now == null ? '–' : text(now)}</strong></figcaption>
    <div class="plot" role="img" aria-label=${`${title} of the live release over the last minutes: now ${now == null ? 'none' : text(now)}`} ref=${place}></div>
    <div hidden>${INKS.map((name) => html`<i class=${`ink-${name}`}></i>`)}</div>
  </figure>`;
}

const INKS = ['live', 'previous', 'text', 'line'] as const;
type Colours = Record<(typeof INKS)[number], string>;

/** A canvas knows nothing of style sheets: elements that nobody sees have the colours that it is given. */
function colours(box: HTMLElement): Colours {
  const of = (name: string): string => {
    const ink = box.parentElement?.querySelector(`.ink-${name}`);
    return ink ? getComputedStyle(ink).color : 'gray';
  };
  return { live: of('live'), previous: of('previous'), text: of('text'), line: of('line') };
}

function options(width: number, { live, previous, text, line }: Colours, show: (value: number) => string): uPlot.Options {
  const axis = { stroke: text, grid: { stroke: line, width: 1 }, ticks: { show: false }, font: '11px system-ui, sans-serif' };
  return {
    width,
    height: HEIGHT,
    padding: [8, 4, 0, 0],
    legend: { show: false },
    cursor: { show: false },
    scales: {
      // The window stands still in width from the first sample on: nothing jumps while it fills.
      x: { time: true, range: (_, __, max) => [max - MINUTES_SHOWN * 60, max] },
      y: { range: (_, __, max) => [0, Math.max(max * 1.15, 1)] },
    },
    axes: [
      { ...axis, space: 70, size: 22, values: '{HH}:{mm}' },
      { ...axis, space: 34, size: 48, values: (_, splits) => splits.map(show) },
    ],
    series: [
      {},
      { stroke: previous, width: 1.5, dash: [5, 4], points: { show: false } },
      { stroke: live, width: 2, points: { show: false } },
    ],
  };
}
