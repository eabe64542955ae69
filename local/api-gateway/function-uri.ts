import { matchesPattern } from '../iam/iam-policy.ts';
import type { Template } from '../template/template.ts';

/** The function that a URI of API Gateway names, and whether the URI invokes it with response streaming. */
export function functionOfUri(
  template: Template,
  uri: string,
  logicalId: string,
): { function: string; streams: boolean } {
  const [, version, arn = '', action] = /:lambda:path\/([\d-]+)\/functions\/(.+)\/([\w-]+)$/.exec(uri) ?? [];
  const target = template.resources('AWS::Lambda::Function').find((each) => {
    const functionArn = template.getAtt(each.logicalId, 'Arn');
    return arn === functionArn || arn.startsWith(`${functionArn}:`);
  });
  if (target === undefined) throw new Error(`${logicalId}: the template has no function for ${uri}`);
  return {
    function: target.logicalId,
    streams: `${version}/${action}` === '2021-11-15/response-streaming-invocations',
  };
}

/**
 * Without an AWS::Lambda::Permission API Gateway answers every request with 500, and no validator detects it.
 *
 * @param source the ARN of the method or the authorizer
 */
export function assertInvokable(template: Template, target: string, source: string, logicalId: string): void {
  const arn = template.getAtt(target, 'Arn');
  const names = [template.ref(target), arn];
  const permitted = template.resources('AWS::Lambda::Permission').some(({ properties }) => {
    const functionName = String(properties.FunctionName);
    return (
      (names.includes(functionName) || functionName.startsWith(`${arn}:`)) &&
      properties.Action === 'lambda:InvokeFunction' &&
      properties.Principal === 'apigateway.amazonaws.com' &&
      matchesPattern(source, String(properties.SourceArn ?? '*'))
    );
  });
  if (permitted) return;
  throw new Error(
    `${logicalId}: no AWS::Lambda::Permission allows API Gateway to invoke ${target} with the source ${source}`,
  );
}
