import type { AwsEnvironment } from '../aws-api/aws-environment.ts';
import { AwsError } from '../aws-api/aws-error.ts';

/** `arn` excludes the qualifier. */
export type FunctionReference = { arn: string; qualifier: string | undefined };

const format =
  /^(?:(?:arn:(?<partition>[\w-]+):lambda:(?<region>[\w-]+):)?(?<account>\d{12}):function:)?(?<name>[\w-]+)(?::(?<qualifier>\$LATEST|[\w-]+))?$/;

/**
 * A reference to a function: its name, its ARN, or the part of its ARN that begins with the account.
 *
 * @param givenQualifier the `Qualifier` parameter of the request
 * @throws AwsError InvalidParameterValueException
 */
export function parseFunctionReference(
  reference: string,
  givenQualifier: string | undefined,
  environment: AwsEnvironment,
): FunctionReference {
  const { groups } = format.exec(reference) ?? {};
  if (groups === undefined) {
    throw invalidParameter(`Value '${reference}' at 'functionName' failed to satisfy constraint`);
  }
  const qualifier = groups.qualifier ?? givenQualifier;
  if (givenQualifier !== undefined && givenQualifier !== qualifier) {
    throw invalidParameter('The derived qualifier from the function name does not match the specified qualifier.');
  }
  const { partition, region, account } = environment;
  const [inPartition, inRegion] = [groups.partition ?? partition, groups.region ?? region];
  const arn = `arn:${inPartition}:lambda:${inRegion}:${groups.account ?? account}:function:${groups.name}`;
  return { arn, qualifier };
}

export const invalidParameter = (message: string) =>
  new AwsError('InvalidParameterValueException', message, { details: { Type: 'User' } });
