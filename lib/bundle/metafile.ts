/** @param path of a module in a metafile of esbuild, where `with { type: 'text' }` can follow the path of the file */
export const fileOf = (path: string): string => path.replace(/ with \{ type: '\w+' \}$/, '');
