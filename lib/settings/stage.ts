import { RemovalPolicy } from 'aws-cdk-lib/core';

/** The deployment stage: `dev` is deleted with its stack, `prod` retains the table, the KMS keys and the user pool. */
export type Stage = 'dev' | 'prod';

/**
 * The removal policy of a resource that holds data. CloudFormation deletes the resource when the deployment that creates it
 * fails: a retained key would cost a dollar a month, and a new attempt creates another one.
 */
export const removalPolicy = (stage: Stage): RemovalPolicy =>
  stage === 'prod' ? RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE : RemovalPolicy.DESTROY;

/**
 * The removal policy of a resource with deletion protection in `prod`. Protection and deletion exclude each other: a deployment
 * that fails could not delete the resource, the rollback would fail, and with it the next attempt. So the resource is retained
 * even then; it is empty, free of charge, and has a generated name.
 */
export const protectedRemovalPolicy = (stage: Stage): RemovalPolicy =>
  stage === 'prod' ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY;
