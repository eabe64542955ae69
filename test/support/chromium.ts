import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

/** Chromium is found where Debian and most others put it; name another place in CHROMIUM. CI must have it. */
const executable = [process.env.CHROMIUM ?? '', '/usr/bin/chromium', '/usr/bin/google-chrome'].find(existsSync);

/** Describes tests that need a real browser. */
export const withChromium = executable || process.env.CI ? describe : describe.skip;

export const launchChromium = (): Promise<Browser> =>
  chromium.launch({
    executablePath: executable!,
    args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update'],
  });
