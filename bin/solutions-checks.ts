import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import {
  type IPolicyValidationContext,
  type IPolicyValidationPlugin,
  type PolicyValidationPluginReport,
  Validations,
} from 'aws-cdk-lib/core';
import { buildCache } from '../lib/bundle/esbuild-run.ts';

const require = createRequire(import.meta.url);

/**
 * The rules of AWS Solutions (cdk-nag), except for an app that passed them before. To load and apply them takes a sixth of the
 * time of `cdk synth`.
 *
 * The rules read the properties of constructs, and a pass is kept by the templates, which are made of the same properties. A
 * property that an override replaces is therefore not checked again when it alone has changed: it is not deployed either.
 */
export class ChangedAppChecks implements IPolicyValidationPlugin {
  readonly name = 'AwsSolutions';
  readonly #folder: string;

  /** @param folder of an empty file for each app that passed. @default `node_modules/.cache/holdfast` */
  constructor(folder = buildCache) {
    this.#folder = folder;
  }

  get version(): string {
    return versionOf('cdk-nag');
  }

  validate(context: IPolicyValidationContext): PolicyValidationPluginReport {
    const pass = this.#passOf(context);
    if (existsSync(pass)) return { success: true, violations: [] };
    const { AwsSolutionsChecks } = require('cdk-nag') as typeof import('cdk-nag');
    const report = new AwsSolutionsChecks().validate(context);
    if (report.violations.length === 0) {
      mkdirSync(this.#folder, { recursive: true });
      writeFileSync(pass, '');
    }
    return report;
  }

  /** The path is made of all that decides the result. The hash of an asset does not: no rule reads code. */
  #passOf({ stackTemplates, appConstruct }: IPolicyValidationContext): string {
    const stacks = stackTemplates.map(({ templatePath, stackConstructPath, accountId, region }) => [
      [stackConstructPath, accountId, region],
      readFileSync(templatePath, 'utf8').replaceAll(/\b[0-9a-f]{64}\b/g, ''),
    ]);
    // Findings that a construct is exempt from; no template names them.
    const acknowledged = appConstruct.node
      .findAll()
      .flatMap(({ node }) =>
        node.metadata
          .filter(({ type }) => type === Validations.ACKNOWLEDGED_RULES_METADATA_KEY)
          .map(({ data }) => [node.path, data]),
      );
    const inputs = JSON.stringify([this.version, versionOf('aws-cdk-lib'), stacks, acknowledged]);
    return join(this.#folder, `solutions-${createHash('sha256').update(inputs).digest('hex')}`);
  }
}

const versionOf = (name: string): string => (require(`${name}/package.json`) as { version: string }).version;
