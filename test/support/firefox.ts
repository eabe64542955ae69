import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Browser, firefox } from 'playwright-core';

/** The usual paths of Firefox. The environment variable FIREFOX names another one. */
const executable = [process.env.FIREFOX ?? '', '/usr/bin/firefox-esr', '/usr/bin/firefox'].find(existsSync);

/** In dark colours: Playwright cannot change them in a released Firefox. @throws Error where Firefox is not installed */
export async function launchFirefox(): Promise<Browser> {
  if (executable === undefined) throw new Error('Firefox is not installed: install it, or set FIREFOX to its path');
  return firefox.launch({
    channel: 'moz-firefox',
    executablePath: join(__dirname, 'firefox-relay.mjs'),
    env: { ...process.env, FIREFOX: executable },
    firefoxUserPrefs: { 'layout.css.prefers-color-scheme.content-override': 0 },
  });
}
