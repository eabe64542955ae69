import { Stack, type StackProps } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { Holdfast, type HoldfastProps } from './holdfast-construct.ts';

export interface HoldfastStackProps extends StackProps, HoldfastProps {}

/** A stack that contains one `Holdfast`. */
export class HoldfastStack extends Stack {
  readonly holdfast: Holdfast;

  constructor(scope: Construct, id: string, props: HoldfastStackProps = {}) {
    super(scope, id, { terminationProtection: props.stage === 'prod', ...props });
    // The id `Default` is no part of logical ids. Another one would replace the table.
    this.holdfast = new Holdfast(this, 'Default', props);
  }
}
