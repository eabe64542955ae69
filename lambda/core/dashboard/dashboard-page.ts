/** A file beside the page, compressed with gzip, as it is sent. */
export type PageFile = {
  /** With a digest of its content, so that it can be kept for ever, and another one is asked for as soon as there is one. */
  path: string;
  contentType: string;
  gzip: Uint8Array<ArrayBuffer>;
};

export type PageFiles = { script: PageFile; style: PageFile };

/** Nothing but our own script and style, and no place for either in the page itself. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const secured = {
  'X-Content-Type-Options': 'nosniff',
  'Strict-Transport-Security': 'max-age=31536000; includeSubDomains',
  'Referrer-Policy': 'same-origin',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
};

/** The page is the same for everybody and says nothing about anybody: what it shows, it asks for. */
export function page({ script, style }: PageFiles): Response {
  const html = `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><meta name="robots" content="noindex"><title>Holdfast</title>
<link rel="stylesheet" href="${style.path}"><script type="module" src="${script.path}"></script></head>
<body><div id="app"></div><noscript>This page shows what assistants have done here, and needs JavaScript for it.</noscript></body>
</html>
`;
  return new Response(html, {
    headers: {
      'Content-Type': 'text/html; charset=utf-8',
      'Content-Security-Policy': POLICY,
      'X-Frame-Options': 'DENY',
      'Cache-Control': 'no-cache',
      ...secured,
    },
  });
}

/** The file at the path, if there is one. */
export function pageFile(path: string, files: PageFiles): Response | undefined {
  const file = Object.values(files).find((each) => each.path === path);
  return (
    file &&
    new Response(file.gzip, {
      headers: {
        'Content-Type': file.contentType,
        'Content-Encoding': 'gzip',
        'Cache-Control': 'public, max-age=31536000, immutable',
        ...secured,
      },
    })
  );
}
