/** The name of the server: the title of the page as it is served, before a view sets its own. */
export const serverName = document.title;

/** The icon of the server as a `data:` URL; absent without the setting `icon`. */
export const serverIcon = document.querySelector<HTMLLinkElement>('link[rel=icon]')?.href;
