import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { CustomResourceRequest, CustomResourceResponse } from '../lambda/shared/custom-resource-response.ts';
import { ConfigurationError } from '../lib/settings/configuration-error.ts';
import type { Template } from './template/template.ts';

/** The types of the custom resources of the construct. */
const types = ['Custom::PublicKeys'];

/** Runs a function of the template once, to its end. */
type Invoke = (logicalId: string, event: object) => Promise<void>;

type Attributes = Record<string, string>;

/**
 * The custom resources of a stack. As CloudFormation does, the emulator invokes their functions when a resource is new, and
 * when its properties have changed.
 */
export class CustomResources {
  /** The attributes of each resource, with the properties that they belong to. */
  readonly #provided = new Map<string, { properties: string; attributes: Attributes }>();

  /**
   * Gives the template the attributes of its custom resources.
   *
   * @throws ConfigurationError naming a resource whose function fails, with its reason
   */
  async provide(template: Template, invoke: Invoke): Promise<void> {
    for (const { logicalId } of types.flatMap((type) => template.declarations(type))) {
      const properties = JSON.stringify(template.resource(logicalId).properties);
      let provided = this.#provided.get(logicalId);
      if (provided?.properties !== properties) {
        provided = { properties, attributes: await request(template, logicalId, invoke) };
        this.#provided.set(logicalId, provided);
      }
      template.provide(logicalId, provided.attributes);
    }
  }
}

/** Invokes the function of a custom resource. @returns the attributes in its response */
async function request(template: Template, logicalId: string, invoke: Invoke): Promise<Attributes> {
  const { type, properties, raw } = template.resource(logicalId);
  const endpoint = await openResponseEndpoint();
  const event: CustomResourceRequest & { RequestType: 'Create'; ResourceType: string; ResourceProperties: object } = {
    RequestType: 'Create',
    ResourceType: type,
    ResourceProperties: properties,
    LogicalResourceId: logicalId,
    RequestId: randomUUID(),
    StackId: String(template.resolve({ Ref: 'AWS::StackId' })),
    ResponseURL: endpoint.url,
  };
  try {
    await invoke(functionOf(raw, template), event);
  } finally {
    endpoint.close();
  }
  const response = endpoint.response();
  if (response?.Status === 'SUCCESS') return response.Data ?? {};
  throw new ConfigurationError(`${logicalId} (${type}): ${response?.Reason ?? 'its function has not responded'}`);
}

/** The functions that provide custom resources. */
export const customResourceFunctions = (template: Template): string[] =>
  types.flatMap((type) => template.declarations(type)).map(({ raw }) => functionOf(raw, template));

const functionOf = ({ ServiceToken }: Record<string, unknown>, template: Template) =>
  template.logicalIdOf(ServiceToken);

/** Stands in for the presigned URL to which functions write their response. */
async function openResponseEndpoint() {
  let written: CustomResourceResponse | undefined;
  const server = createServer(async (request, response) => {
    written = JSON.parse(await text(request)) as CustomResourceResponse;
    response.end();
  });
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    response: () => written,
    close(): void {
      server.closeAllConnections();
      server.close();
    },
  };
}
