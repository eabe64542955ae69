/** esbuild resolves stylesheet imports, and writes the stylesheet next to the script. */
declare module '*.css';
