import type { Resource, Template } from '../template/template.ts';
import { unsupported } from '../template/unsupported-feature.ts';
import type { HeaderList, Integration } from './api-model.ts';
import { assertInvokable, functionOfUri } from './function-uri.ts';
import { assertStatic } from './static-template.ts';

/** @param source the ARN of the method, as the function's permission names it */
export function readIntegration(template: Template, { logicalId, properties }: Resource, source: string): Integration {
  const integration = properties.Integration as Record<string, unknown>;
  if (integration.Type === 'MOCK') return readMock(logicalId, integration, properties);
  if (integration.Type !== 'AWS_PROXY') throw unsupported(logicalId, `integrations of type ${integration.Type}`);
  const { function: target, streams } = functionOfUri(template, String(integration.Uri), logicalId);
  const stream = integration.ResponseTransferMode === 'STREAM';
  if (stream !== streams) {
    throw new Error(`${logicalId}: its transfer mode and its URI disagree about streaming: ${integration.Uri}`);
  }
  if (integration.Credentials === undefined) assertInvokable(template, target, source, logicalId);
  return {
    type: 'AWS_PROXY',
    function: target,
    stream,
    timeoutMilliseconds: Number(integration.TimeoutInMillis ?? 29_000),
  };
}

type IntegrationResponse = {
  StatusCode: string;
  SelectionPattern?: string;
  ResponseParameters?: Record<string, string>;
  ResponseTemplates?: Record<string, string>;
};

function readMock(
  logicalId: string,
  integration: Record<string, unknown>,
  properties: Record<string, unknown>,
): Integration {
  const { 'application/json': requestTemplate = '' } = (integration.RequestTemplates ?? {}) as Record<string, string>;
  assertStatic(logicalId, requestTemplate);
  const [, statusCode] = /statusCode["']?\s*:\s*["']?(\d{3})/.exec(requestTemplate) ?? [];
  if (statusCode === undefined) throw new Error(`${logicalId}: its request template sets no statusCode`);

  const responses = (integration.IntegrationResponses ?? []) as IntegrationResponse[];
  const selected = responses.find((each) => selects(each, statusCode)) ?? responses.find((each) => isDefault(each));
  if (selected === undefined) throw new Error(`${logicalId}: no integration response matches status ${statusCode}`);

  const declared = ((properties.MethodResponses ?? []) as IntegrationResponse[]).find(
    ({ StatusCode }) => StatusCode === selected.StatusCode,
  );
  if (declared === undefined) {
    throw new Error(`${logicalId}: it declares no method response for status ${selected.StatusCode}`);
  }
  const { 'application/json': body = '' } = selected.ResponseTemplates ?? {};
  assertStatic(logicalId, body);
  const headers = staticHeaders(logicalId, selected, declared);
  return { type: 'MOCK', status: Number(selected.StatusCode), headers, body };
}

const isDefault = ({ SelectionPattern }: IntegrationResponse) => !SelectionPattern;

const selects = ({ SelectionPattern: pattern }: IntegrationResponse, status: string) =>
  Boolean(pattern) && new RegExp(`^(?:${pattern})$`).test(status);

function staticHeaders(logicalId: string, selected: IntegrationResponse, declared: IntegrationResponse): HeaderList {
  return Object.entries(selected.ResponseParameters ?? {}).map(([parameter, expression]) => {
    const [, name] = /^method\.response\.header\.(.+)$/.exec(parameter) ?? [];
    const [, value] = /^'(.*)'$/.exec(expression) ?? [];
    if (name === undefined || value === undefined || declared.ResponseParameters?.[parameter] === undefined) {
      throw new Error(
        `${logicalId}: ${parameter} = ${expression} is not static, or its method response does not declare it`,
      );
    }
    return [name, value];
  });
}
