import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

/** The usual paths of Chromium. The environment variable CHROMIUM names another one. */
const executable = [process.env.CHROMIUM ?? '', '/usr/bin/chromium', '/usr/bin/google-chrome'].find(existsSync);

/** @throws Error where Chromium is not installed */
export async function launchChromium(): Promise<Browser> {
  if (executable === undefined) throw new Error('Chromium is not installed: install it, or set CHROMIUM to its path');
  return chromium.launch({
    executablePath: executable,
    args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update'],
  });
}
