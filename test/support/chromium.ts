import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

/** The usual paths of Chromium. The environment variable CHROMIUM names another one. CI must have it. */
const executable = [process.env.CHROMIUM ?? '', '/usr/bin/chromium', '/usr/bin/google-chrome'].find(existsSync);

/** `describe` for tests that need a browser. */
export const withChromium = executable || process.env.CI ? describe : describe.skip;

export const launchChromium = (): Promise<Browser> =>
  chromium.launch({
    executablePath: executable!,
    args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update'],
  });
