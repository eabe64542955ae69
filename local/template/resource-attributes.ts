import { createHash } from 'node:crypto';
import type { AwsEnvironment } from '../aws-api/aws-environment.ts';

/** The alphabet of the ids that AWS generates. */
const alphabet = 'abcdefghijklmnopqrstuvwxyz0123456789';

/**
 * The `Ref` and the attributes of a resource in the local emulator: derived from its logical id, so equal at every start,
 * and in the format of AWS's, so that code which parses them works locally too. KMS keys are the exception: the emulated
 * KMS assigns their ids.
 */
export function resourceAttributes(
  logicalId: string,
  type: string,
  properties: Record<string, unknown>,
  environment: AwsEnvironment,
): Record<string, string> {
  const { region, urlSuffix } = environment;
  const arn = (service: string, resource: string) => environment.arn(service, resource);
  const name = `Holdfast-${logicalId}`;
  const id = (length: number) => identifier(logicalId, length);
  switch (type) {
    case 'AWS::ApiGateway::DomainName':
      return {
        Ref: String(properties.DomainName),
        RegionalDomainName: `d-${id(10)}.execute-api.${region}.${urlSuffix}`,
        RegionalHostedZoneId: 'Z1UJRXOUMOOFQ8',
      };
    case 'AWS::ApiGateway::Resource':
      return { Ref: id(6) };
    case 'AWS::ApiGateway::RestApi':
      return { Ref: id(10), RootResourceId: identifier(`${logicalId}/`, 10) };
    case 'AWS::ApiGateway::Stage':
      return { Ref: String(properties.StageName) };
    case 'AWS::CloudFront::Distribution': {
      const distributionId = `E${id(13).toUpperCase()}`;
      return { Ref: distributionId, Id: distributionId, DomainName: `d${id(13)}.cloudfront.net` };
    }
    case 'AWS::Cognito::UserPool': {
      const poolId = `${region}_${id(9)}`;
      const providerName = `cognito-idp.${region}.${urlSuffix}/${poolId}`;
      return {
        Ref: poolId,
        UserPoolId: poolId,
        Arn: arn('cognito-idp', `userpool/${poolId}`),
        ProviderName: providerName,
        ProviderURL: `https://${providerName}`,
      };
    }
    case 'AWS::Cognito::UserPoolClient':
      return { Ref: id(26), ClientId: id(26), ClientSecret: identifier(`${logicalId}/`, 51) };
    case 'AWS::Cognito::UserPoolDomain':
    case 'AWS::Cognito::UserPoolGroup':
      return { Ref: String(properties.Domain ?? properties.GroupName) };
    case 'AWS::DynamoDB::GlobalTable':
    case 'AWS::DynamoDB::Table':
      return { Ref: name, Arn: arn('dynamodb', `table/${name}`), TableId: id(32) };
    case 'AWS::EC2::SecurityGroup':
      return { Ref: `sg-${id(17)}`, GroupId: `sg-${id(17)}`, VpcId: String(properties.VpcId) };
    case 'AWS::IAM::Role':
      return { Ref: name, Arn: environment.globalArn('iam', `role/${name}`), RoleId: `AROA${id(17).toUpperCase()}` };
    case 'AWS::Lambda::Function':
      return { Ref: name, Arn: arn('lambda', `function:${name}`) };
    case 'AWS::Lambda::Alias':
      return { Ref: arn('lambda', `function:${properties.FunctionName}:${properties.Name}`) };
    case 'AWS::Lambda::Version':
      return { Ref: arn('lambda', `function:${properties.FunctionName}:1`), Version: '1' };
    case 'AWS::Logs::LogGroup':
      return { Ref: name, Arn: arn('logs', `log-group:${name}:*`) };
    case 'AWS::SecretsManager::Secret': {
      // Secrets Manager appends six random characters to the name.
      const secretArn = arn('secretsmanager', `secret:${name}-${id(6)}`);
      return { Ref: secretArn, Id: secretArn };
    }
    default:
      return { Ref: name, Id: id(26), Arn: arn(type.split('::')[1]!.toLowerCase(), name) };
  }
}

/** Characters derived from the seed alone. */
function identifier(seed: string, length: number): string {
  const bytes = createHash('sha512').update(seed).digest();
  return Array.from(bytes.subarray(0, length), (byte) => alphabet[byte % alphabet.length]).join('');
}
