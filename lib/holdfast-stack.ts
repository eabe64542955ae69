import { Stack, type StackProps } from 'aws-cdk-lib/core';
import type { Construct } from 'constructs';
import { Holdfast, type HoldfastProps } from './holdfast-construct.ts';

export interface HoldfastStackProps extends StackProps, HoldfastProps {
  /**
   * Whether CloudFormation refuses to delete the stack. The CDK enables the protection before it creates the stack, and
   * CloudFormation then refuses to delete a stack whose creation failed, which the next attempt begins with: choose `false`
   * for the first deployment (docs/deploy.md).
   * @default - true in `prod`
   */
  readonly terminationProtection?: boolean;
}

/** A stack that contains one `Holdfast`. */
export class HoldfastStack extends Stack {
  readonly holdfast: Holdfast;

  constructor(scope: Construct, id: string, props: HoldfastStackProps = {}) {
    super(scope, id, { ...props, terminationProtection: props.terminationProtection ?? props.stage === 'prod' });
    // The id `Default` is no part of logical ids. Another one would replace the table.
    this.holdfast = new Holdfast(this, 'Default', props);
  }
}
