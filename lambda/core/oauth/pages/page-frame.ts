import { type Branding, DEFAULT_NAME } from '../../../shared/branding.ts';
import { bytes } from '../../support/crypto.ts';
import { escaped } from '../../support/escaped-html.ts';
import type { OAuthPageText } from './oauth-page-text.ts';

/** Logical properties, so that a right-to-left page is the mirror image; `plaintext` as `<bdi>`, for names and addresses. */
const STYLE = `
:root { color-scheme: light dark; --ink: #16191d; --quiet: #59616b; --line: #e1e4e8; --edge: #c3c9d0; --paper: #fff; --ground: #f4f5f7; --accent: #2251cc; --accent-hover: #1b43ab; --on-accent: #fff; --warn: #704700; --warn-ground: #fff6e0; --warn-line: #f0d9a5; }
@media (prefers-color-scheme: dark) { :root { --ink: #eceef0; --quiet: #a3abb5; --line: #2c3239; --edge: #4a525c; --paper: #171b20; --ground: #0d1013; --accent: #8fb2ff; --accent-hover: #adc7ff; --on-accent: #0b1530; --warn: #ffd58f; --warn-ground: #2a2110; --warn-line: #4c3d1b; } }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; min-height: 100dvh; display: grid; place-items: center; padding: clamp(.5rem, 2vmin, 1.5rem); background: var(--ground); color: var(--ink); font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; -webkit-text-size-adjust: 100%; }
main { width: 100%; max-width: 30rem; padding: clamp(1.25rem, 5vw, 1.75rem); background: var(--paper); border: 1px solid var(--line); border-radius: 16px; box-shadow: 0 1px 2px rgb(0 0 0 / .04), 0 8px 24px rgb(0 0 0 / .06); overflow-wrap: anywhere; }
header { display: flex; align-items: center; gap: .625rem; margin-block-end: 1rem; font-weight: 600; }
header img { flex: none; width: 2rem; height: 2rem; object-fit: contain; border-radius: 8px; }
h1 { margin: 0; font-size: 1.375rem; line-height: 1.3; font-weight: 650; letter-spacing: -.01em; text-wrap: balance; }
h2 { margin: 0; color: var(--quiet); font-size: .875rem; font-weight: 400; }
p, ul { margin: .75rem 0; text-wrap: pretty; }
h1 + .quiet { margin-block: .25rem 1rem; }
.quiet { color: var(--quiet); font-size: .875rem; }
.quiet strong { color: var(--ink); font-weight: 600; }
.target { margin: 1rem 0; padding: .75rem 1rem; border: 1px solid var(--line); border-radius: 12px; }
.target p { margin: 0; font-size: .875rem; }
.target [role] { margin-block-start: .375rem; font-weight: 600; }
.target div { display: flex; flex-wrap: wrap; align-items: baseline; gap: 0 .625rem; }
.target strong { font-size: 1.375rem; line-height: 1.3; font-weight: 650; }
.warning { background: var(--warn-ground); border-color: var(--warn-line); color: var(--warn); }
.warning .quiet, .warning strong { color: inherit; }
ul { margin-block: .25rem 1rem; padding: 0; list-style: none; }
li { padding-inline-start: 1.5rem; }
li::before { content: "✓" / ""; float: inline-start; margin-inline-start: -1.5rem; color: var(--accent); font-weight: 700; }
.detail { margin: 1.5rem 0 0; padding-block-start: 1rem; border-block-start: 1px solid var(--line); }
strong, code { unicode-bidi: plaintext; }
code { font: .8125rem/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
dl { margin: 1rem 0 0; display: grid; gap: .75rem; font-size: .875rem; }
dt { color: var(--quiet); }
dd { margin: 0; text-wrap: pretty; }
fieldset { flex: 1 1 100%; display: flex; flex-wrap: wrap; gap: 0 1.5rem; margin: 0; padding: 0; border: 0; }
legend { padding: 0; margin-block-end: .25rem; }
label { display: flex; align-items: center; gap: .625rem; min-height: 1.75rem; cursor: pointer; }
input { flex: none; width: 1.125rem; height: 1.125rem; margin: 0; accent-color: var(--accent); }
.notice { margin-block-start: 0; padding: .625rem 1rem; border-radius: 10px; background: var(--warn-ground); color: var(--warn); font-size: .875rem; }
form > p { flex: 1 1 100%; margin: 0; }
form { display: flex; flex-wrap: wrap; gap: 1rem .75rem; margin: 1rem 0 0; }
button, a.button { min-height: 2.75rem; padding: .5rem 1rem; border-radius: 10px; border: 1px solid var(--edge); background: transparent; color: inherit; font: inherit; font-weight: 600; cursor: pointer; }
button { flex: 1 1 8rem; }
button:hover, a.button:hover { border-color: var(--quiet); }
button.approve { background: var(--accent); border-color: var(--accent); color: var(--on-accent); }
button.approve:hover { background: var(--accent-hover); border-color: var(--accent-hover); }
a.button { display: inline-block; text-decoration: none; }
details { margin-block-start: .75rem; }
.setup { margin: 0; border-block-end: 1px solid var(--line); }
.setup summary { padding-block: .75rem; color: var(--ink); font-size: 1rem; font-weight: 600; }
.copyable { display: flex; align-items: flex-start; gap: .5rem; margin-block: .5rem 1rem; padding: .5rem .75rem; border: 1px solid var(--line); border-radius: 10px; background: var(--ground); }
.copyable button { flex: none; min-height: 1.75rem; padding: .125rem .625rem; border-radius: 8px; background: var(--paper); font-size: .8125rem; }
pre { flex: 1; margin: .125rem 0 0; white-space: pre-wrap; }
summary { padding-block: .375rem; color: var(--quiet); font-size: .875rem; cursor: pointer; border-radius: 6px; }
button:focus-visible, a.button:focus-visible, summary:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
`;

/** The digest of an inline style or script, as a policy names it. */
export const digestSource = async (content: string): Promise<string> => {
  const digest = await crypto.subtle.digest('SHA-256', bytes(content));
  return `'sha256-${btoa(String.fromCharCode(...new Uint8Array(digest)))}'`;
};

/**
 * Forbids scripts, resources and framing. `form-action` is absent on purpose: browsers apply it to the redirect that
 * answers the form, which leads to the identity provider.
 */
const policy = digestSource(STYLE).then(
  (style) => `default-src 'none'; style-src ${style}; frame-ancestors 'none'; base-uri 'none'`,
);

export type PageContent = {
  branding: Branding;
  text: Pick<OAuthPageText, 'language' | 'direction'>;
  title: string;
  /** HTML. */
  body: string;
  status?: number;
  headers: Record<string, string>;
  /** Further directives of the policy. @default - none */
  policy?: string;
};

/** A page for people: name and icon of the server, and no resource of another host. */
export async function htmlPage({ branding, text, title, body, status = 200, headers, ...more }: PageContent) {
  const { name = DEFAULT_NAME, icon } = branding;
  // An image runs no script of an SVG.
  const image = icon === undefined ? '' : `<img src="${escaped(icon)}" alt="">`;
  const html = `<!doctype html>
<html lang="${escaped(text.language)}" dir="${text.direction}">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><meta name="robots" content="noindex"><title>${escaped(title)}</title><style>${STYLE}</style></head>
<body><main>
<header>${image}<span>${escaped(name)}</span></header>
${body}
</main></body>
</html>
`;
  // Browsers request /favicon.ico.
  const images = icon === undefined ? "img-src 'self'" : "img-src 'self' data:";
  return new Response(html, {
    status,
    headers: {
      'Content-Type': 'text/html; charset=utf-8',
      'Content-Security-Policy': [await policy, images, ...(more.policy === undefined ? [] : [more.policy])].join('; '),
      'X-Frame-Options': 'DENY',
      'X-Content-Type-Options': 'nosniff',
      'Strict-Transport-Security': 'max-age=31536000; includeSubDomains',
      'Cache-Control': 'no-store',
      ...headers,
    },
  });
}
