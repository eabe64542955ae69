/** Stylesheets are the bundler's to resolve: it puts them beside the script. */
declare module '*.css';
