import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  constructName,
  type DeploymentName,
  MARKER_DESCRIPTION,
  nameOfDeployment,
  selectDeployments,
} from '../../lib/deployment-marker.ts';
import { ConfigurationError } from '../../lib/settings/configuration-error.ts';
import type { TemplateJson } from './template.ts';

/** A stack as `cdk synth` writes it. */
export type AssemblyStack = {
  /** The folder of its template and its assets: that of a CDK `Stage` is in the folder of the app. */
  folder: string;
  stackName: string;
  template: TemplateJson;
  /** The template as written: equal sources are equal deployments, because assets are named by their content. */
  source: string;
  /** The path of its construct, such as `Prod/MyServer`. */
  path: string;
  /** The paths of the constructs that have a logical id. */
  paths: Map<string, string>;
  /** The account and the region that the app states; `undefined` for those of the credentials. */
  account: string | undefined;
  region: string | undefined;
  /** The bootstrap stack that the deployment needs; `undefined` for a synthesizer without one. */
  bootstrap: { version: number; versionParameter: string } | undefined;
};

/** The stack of a deployment, with the other stacks of its app. */
export type SynthesizedStack = AssemblyStack & {
  /** The path of the `Holdfast` construct. */
  construct: string;
  /** The paths of the other `Holdfast` constructs of the stack. */
  otherConstructs: string[];
  app: AssemblyStack[];
};

type Artifact = {
  type: string;
  displayName?: string;
  /** `aws://account/region`. */
  environment?: string;
  properties?: {
    templateFile?: string;
    stackName?: string;
    directoryName?: string;
    requiresBootstrapStackVersion?: number;
    bootstrapStackVersionSsmParameter?: string;
  };
  metadata?: Metadata;
  additionalMetadataFile?: string;
};

/** Entries by the path of their construct. */
type Metadata = Record<string, { type: string; data?: unknown }[]>;

type Deployment = DeploymentName & { of: AssemblyStack; path: string };

/**
 * The stack of a deployment in a cloud assembly.
 *
 * @param selection a stack name, or `stack/construct`. @default the only deployment
 * @param command of `npx holdfast`, for the message that asks for a selection
 * @throws ConfigurationError if no deployment or several match
 */
export function readAssembly(assembly: string, selection?: string, command = 'dev'): SynthesizedStack {
  const app = stacksOf(assembly);
  const deployments = app.flatMap(deploymentsOf);
  const [deployment, ...others] = selectDeployments(deployments, selection);
  if (deployment === undefined) throw notFound(app, deployments, selection);
  if (others.length > 0) {
    const names = [deployment, ...others].map(nameOfDeployment).sort();
    const commands = names.map((name) => `  npx holdfast ${command} --stack ${name}`);
    throw new ConfigurationError(`The app has several deployments; choose one:\n${commands.join('\n')}`);
  }
  const { of, path } = deployment;
  const otherConstructs = deployments.filter((each) => each.of === of && each !== deployment).map((each) => each.path);
  return { ...of, construct: path, otherConstructs, app };
}

/** Whether the construct at the path is in the other one. */
export const isInside = (path: string | undefined, construct: string): boolean =>
  path?.startsWith(`${construct}/`) ?? false;

function stacksOf(folder: string): AssemblyStack[] {
  const manifest = join(folder, 'manifest.json');
  if (!existsSync(manifest)) {
    throw new ConfigurationError(`${folder} is not a cloud assembly: it has no manifest.json`);
  }
  const { artifacts = {} }: { artifacts?: Record<string, Artifact> } = readJson(manifest);
  return Object.entries(artifacts).flatMap(([id, { type, displayName, properties = {}, ...artifact }]) => {
    if (type === 'cdk:cloud-assembly') return stacksOf(join(folder, properties.directoryName!));
    if (type !== 'aws:cloudformation:stack') return [];
    const source = readFileSync(join(folder, properties.templateFile!), 'utf8');
    const { additionalMetadataFile: file, metadata = file === undefined ? {} : readJson(join(folder, file)) } =
      artifact;
    return [
      {
        folder,
        stackName: properties.stackName ?? id,
        template: JSON.parse(source) as TemplateJson,
        source,
        path: displayName ?? id,
        paths: pathsIn(metadata),
        ...environmentOf(artifact.environment),
        bootstrap: bootstrapOf(properties),
      },
    ];
  });
}

function environmentOf(environment = ''): Pick<AssemblyStack, 'account' | 'region'> {
  const [, account, region] = /^aws:\/\/([^/]+)\/(.+)$/.exec(environment) ?? [];
  const known = (name: string | undefined) => (name?.startsWith('unknown-') ? undefined : name);
  return { account: known(account), region: known(region) };
}

function bootstrapOf({
  requiresBootstrapStackVersion: version,
  bootstrapStackVersionSsmParameter: versionParameter,
}: NonNullable<Artifact['properties']>): AssemblyStack['bootstrap'] {
  return version === undefined || versionParameter === undefined ? undefined : { version, versionParameter };
}

function pathsIn(metadata: Metadata): Map<string, string> {
  return new Map(
    Object.entries(metadata).flatMap(([path, entries]) =>
      entries
        .filter(({ type }) => type === 'aws:cdk:logicalId')
        .map(({ data }): [string, string] => [String(data), path.slice(1)]),
    ),
  );
}

/** The deployments of a stack, by their markers. */
function deploymentsOf(of: AssemblyStack): Deployment[] {
  return Object.entries(of.template.Outputs ?? {})
    .filter(([, { Description }]) => Description === MARKER_DESCRIPTION)
    .map(([logicalId]) => {
      const path = of.paths.get(logicalId)!.replace(/\/[^/]+$/, '');
      const ids = path.slice(of.path.length + 1).split('/');
      return { of, path, stack: of.stackName, construct: constructName(ids) };
    });
}

function notFound(app: AssemblyStack[], deployments: Deployment[], selection: string | undefined): ConfigurationError {
  const names = deployments.map(nameOfDeployment).sort().join(', ');
  if (names !== '')
    return new ConfigurationError(`The app has no deployment ${selection}; --stack takes one of ${names}`);
  const stacks = app.map(({ stackName }) => stackName).join(', ') || 'none';
  return new ConfigurationError(
    `No stack of the app has a Holdfast construct (stacks: ${stacks}); the local emulator reads no nested stacks`,
  );
}

/** @throws ConfigurationError for a file that is not JSON */
export function readJson(file: string) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new ConfigurationError(`${file} is not valid JSON: ${(error as Error).message}`);
  }
}
