import { note } from '../doctor/finding.ts';
import type { Probe } from '../doctor/http-probe.ts';

/** The signed-in client, as each check of `holdfast verify` uses it. */
export type VerifyContext = {
  url: string;
  token: string;
  /** Names of the server's tools. */
  tools: ReadonlySet<string>;
  /** Headers of the session of 2025-11-25; undefined when the server did not start one. */
  legacy: Record<string, string> | undefined;
  /** How long the silent tool waits. */
  silenceSeconds: number;
  probe: Probe;
  /** A probe that waits longer than `probe`. */
  patientProbe: Probe;
  /** Interrupts the run. */
  cancel: AbortSignal;
};

/** A check that this deployment does not permit. @param reason also says what to do */
export const notChecked = (check: string, reason: string) => note(check, `not checked: ${reason}`);

export const missingTool = (check: string, tool: string) =>
  notChecked(check, `add the tool ${tool} to the server (docs/verify.md)`);

export const noSession = (check: string) => notChecked(check, 'initialize started no session');

/** In tenths. */
export const secondsSince = (startedAt: number) => Math.round((performance.now() - startedAt) / 100) / 10;
