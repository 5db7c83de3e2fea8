import htm from 'htm';

// Its declarations describe the CommonJS build, whose default export is one level deeper than that of the module that browsers get.
export default htm as unknown as (typeof htm)['default'];
