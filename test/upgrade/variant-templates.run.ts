import { readFileSync } from 'node:fs';
import { App } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { HoldfastStack } from '../../lib/holdfast-stack.ts';
import { templateVariants } from './template-variants.ts';

/** Prints the template of each variant as JSON. `record-release.ts` runs it in the sources of a release. */

const { context } = JSON.parse(readFileSync(new URL('../../cdk.json', import.meta.url), 'utf8'));

const templates = templateVariants.map(([name, props]) => {
  const app = new App({
    context: { ...context, 'aws:cdk:bundling-stacks': [] },
    builtinCloudFormationValidation: false,
  });
  return [name, Template.fromStack(new HoldfastStack(app, 'Holdfast', props)).toJSON()];
});
console.log(JSON.stringify(Object.fromEntries(templates)));
