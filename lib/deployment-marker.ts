import { ConfigurationError } from './settings/configuration-error.ts';

/**
 * The description of the output by which the command line and the local emulator find a deployment. The ids of outputs and
 * the names of stacks belong to the owner.
 */
export const MARKER_DESCRIPTION = 'A deployment of Holdfast, in JSON, for npx holdfast';

/** The id of that output in the construct. */
export const MARKER_ID = 'Deployment';

const VERSION = 1;

/** The value of that output, as JSON of at most 1,024 bytes. */
export type DeploymentMarker = {
  version: typeof VERSION;
  /** The path of the construct in its stack; empty for the construct of `HoldfastStack`. */
  construct: string;
  table: string;
  mcpUrl: string;
  /** Absent without a dashboard. */
  dashboardUrl?: string | undefined;
  /** The issuer (`iss`) of the users. */
  issuer: string;
  /** Whether the identity provider issues the access tokens and keeps the grants. */
  isDirect: boolean;
  retentionDays: number;
  grantIdleDays: number;
  sessionTtlHours: number;
  /** The function that makes personal access tokens; absent without them. */
  tokenFunction?: string | undefined;
};

export const deploymentMarker = (deployment: Omit<DeploymentMarker, 'version'>): DeploymentMarker => ({
  version: VERSION,
  ...deployment,
});

/** @throws ConfigurationError for the format of another version */
export function parseMarker(value: string): DeploymentMarker {
  const marker = JSON.parse(value) as DeploymentMarker;
  if (marker.version === VERSION) return marker;
  throw new ConfigurationError(
    `The deployment has a marker of version ${marker.version}, this Holdfast reads ${VERSION}; install the version that deployed it`,
  );
}

/** The path of a construct in its stack by the ids on it. As in logical ids, `Default` is no part of it. */
export const constructName = (ids: string[]): string => ids.filter((id) => id !== 'Default').join('/');

/** The part of a deployment that `--stack` selects by. */
export type DeploymentName = { stack: string; construct: string };

/** The deployment as `--stack` takes it: its stack, with the path of the construct in a stack of the owner. */
export const nameOfDeployment = ({ stack, construct }: DeploymentName): string =>
  construct === '' ? stack : `${stack}/${construct}`;

/**
 * The deployments that a selection names: a stack, or a construct in it.
 *
 * @param selection all deployments without one
 */
export function selectDeployments<D extends DeploymentName>(deployments: D[], selection: string | undefined): D[] {
  if (selection === undefined) return deployments;
  const named = deployments.filter((each) => nameOfDeployment(each) === selection);
  return named.length > 0 ? named : deployments.filter(({ stack }) => stack === selection);
}
