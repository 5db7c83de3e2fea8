/** What uPlot's own style sheet says that our charts need: no legend, no cursor, no selection. */
export const uplot = `
.uplot { width: min-content; line-height: 1.5; }
.u-wrap { position: relative; user-select: none; }
.u-over, .u-under { position: absolute; }
.u-under { overflow: hidden; }
.uplot canvas { display: block; position: relative; width: 100%; height: 100%; }
.u-axis { position: absolute; }
.u-select, .u-cursor-x, .u-cursor-y, .u-cursor-pt { display: none; }
`;
