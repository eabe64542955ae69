import { type Branding, DEFAULT_NAME } from '../../shared/branding.ts';
import { escaped } from '../support/escaped-html.ts';

/** A file of the page. */
export type PageFile = {
  /** Contains a digest of the content, so that browsers can cache the file without expiry. */
  path: string;
  contentType: string;
  content: string;
};

export type PageFiles = { script: PageFile; style: PageFile };

/** Scripts and styles of this origin only, none inline. Where no icon is set, the browser requests that of the origin. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const securityHeaders = {
  'X-Content-Type-Options': 'nosniff',
  'Strict-Transport-Security': 'max-age=31536000; includeSubDomains',
  'Referrer-Policy': 'same-origin',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
};

/** The page is the same for all users and contains no data: it requests them from the API. It reads its title and icon. */
export function page({ branding, page: files }: { branding: Branding; page: PageFiles }): Response {
  const { script, style } = files;
  const { name = DEFAULT_NAME, icon } = branding;
  const link = icon === undefined ? '' : `<link rel="icon" href="${escaped(icon)}">`;
  const html = `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><meta name="robots" content="noindex"><title>${escaped(name)}</title>
${link}<link rel="stylesheet" href="${style.path}"><script type="module" src="${script.path}"></script></head>
<body><div id="app"></div><noscript>This dashboard requires JavaScript.</noscript></body>
</html>
`;
  return new Response(html, {
    headers: {
      'Content-Type': 'text/html; charset=utf-8',
      'Content-Security-Policy': `${POLICY}; img-src ${icon === undefined ? "'self'" : 'data:'}`,
      'X-Frame-Options': 'DENY',
      'Cache-Control': 'no-cache',
      ...securityHeaders,
    },
  });
}

/** The file of the path, if there is one. */
export function pageFile(path: string, files: PageFiles): Response | undefined {
  const file = Object.values(files).find((each) => each.path === path);
  return (
    file &&
    new Response(file.content, {
      headers: {
        'Content-Type': file.contentType,
        'Cache-Control': 'public, max-age=31536000, immutable',
        ...securityHeaders,
      },
    })
  );
}
