/** The build puts the style sheets a dialog imports beside its script. */
declare module '*.css';
