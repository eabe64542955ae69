import { createHash } from 'node:crypto';
import { account, arn, region } from './aws-api/aws-service.ts';
import type { TemplateJson } from './template/template.ts';

const digits = '0123456789';
const letters = 'abcdefghijklmnopqrstuvwxyz';

/**
 * What a resource's `Ref` and attributes are in the local emulator: made of its logical id, so the same at every start, and shaped
 * like AWS's, so that code which takes them apart works here too. KMS keys are not here: KMS names them itself.
 */
export function attributesOf(
  logicalId: string,
  type: string,
  properties: Record<string, unknown>,
): Record<string, string> {
  const name = `Holdfast-${logicalId}`;
  const id = (length: number, alphabet = letters + digits) => identifier(logicalId, length, alphabet);
  switch (type) {
    case 'AWS::ApiGateway::DomainName':
      return {
        Ref: String(properties.DomainName),
        RegionalDomainName: `d-${id(10)}.execute-api.${region}.amazonaws.com`,
        RegionalHostedZoneId: 'Z1UJRXOUMOOFQ8',
      };
    case 'AWS::ApiGateway::Resource':
      return { Ref: id(6) };
    case 'AWS::ApiGateway::RestApi':
      return { Ref: id(10), RootResourceId: identifier(`${logicalId}/`, 10, letters + digits) };
    case 'AWS::ApiGateway::Stage':
      return { Ref: String(properties.StageName) };
    case 'AWS::CloudFront::Distribution': {
      const distribution = `E${id(13).toUpperCase()}`;
      return { Ref: distribution, Id: distribution, DomainName: `d${id(13)}.cloudfront.net` };
    }
    case 'AWS::Cognito::UserPool': {
      const poolId = `${region}_${id(9)}`;
      const provider = `cognito-idp.${region}.amazonaws.com/${poolId}`;
      return {
        Ref: poolId,
        UserPoolId: poolId,
        Arn: arn('cognito-idp', `userpool/${poolId}`),
        ProviderName: provider,
        ProviderURL: `https://${provider}`,
      };
    }
    case 'AWS::Cognito::UserPoolClient':
      return { Ref: id(26), ClientId: id(26), ClientSecret: identifier(`${logicalId}/`, 51, letters + digits) };
    case 'AWS::Cognito::UserPoolDomain':
    case 'AWS::Cognito::UserPoolGroup':
      return { Ref: String(properties.Domain ?? properties.GroupName) };
    case 'AWS::DynamoDB::GlobalTable':
    case 'AWS::DynamoDB::Table':
      return { Ref: name, Arn: arn('dynamodb', `table/${name}`), TableId: id(32) };
    case 'AWS::IAM::Role':
      return { Ref: name, Arn: `arn:aws:iam::${account}:role/${name}`, RoleId: `AROA${id(17).toUpperCase()}` };
    case 'AWS::Lambda::Function':
      return { Ref: name, Arn: arn('lambda', `function:${name}`) };
    case 'AWS::Logs::LogGroup':
      return { Ref: name, Arn: arn('logs', `log-group:${name}:*`) };
    default:
      return { Ref: name, Id: id(26), Arn: arn(type.split('::')[1]!.toLowerCase(), name) };
  }
}

/**
 * Which deployed origins are which local ones: the host names that lead to the API, and Cognito's.
 *
 * @param origins such as `http://127.0.0.1:8787`
 */
export function addressBook(
  template: TemplateJson,
  origins: { gateway: string; identityProvider: string },
): [deployed: string, local: string][] {
  const book: [string, string][] = [];
  for (const [logicalId, { Type, Properties = {} }] of Object.entries(template.Resources ?? {})) {
    if (Type === 'AWS::CloudFront::Distribution') {
      book.push([`https://${attributesOf(logicalId, Type, Properties).DomainName}`, origins.gateway]);
    }
    if (Type === 'AWS::ApiGateway::DomainName') book.push([`https://${Properties.DomainName}`, origins.gateway]);
    if (Type === 'AWS::Cognito::UserPool') {
      book.push([`https://cognito-idp.${region}.amazonaws.com`, origins.identityProvider]);
    }
  }
  return book;
}

/** Characters that follow from the seed and nothing else. */
function identifier(seed: string, length: number, alphabet: string): string {
  const bytes = createHash('sha512').update(seed).digest();
  return Array.from(bytes.subarray(0, length), (byte) => alphabet[byte % alphabet.length]).join('');
}
