import type { Template } from '../template/template.ts';
import { unsupported } from '../template/unsupported-feature.ts';
import type { EventTarget } from './event-queue.ts';
import type { FunctionInvoker } from './function-pool.ts';
import { parseFunctionReference } from './function-reference.ts';

/** Lambda's defaults for asynchronous invocations. */
const DEFAULT_RETRIES = 2;
const DEFAULT_MAXIMUM_AGE_SECONDS = 6 * 3600;

/**
 * The functions of a template by ARN, with their settings of AWS::Lambda::EventInvokeConfig.
 *
 * @throws Error naming the resource whose settings are not supported
 */
export function readEventTargets(template: Template, functions: FunctionInvoker): Map<string, EventTarget> {
  const targets = new Map<string, EventTarget>();
  for (const { logicalId, properties } of template.resources('AWS::Lambda::Function')) {
    if (properties.DeadLetterConfig !== undefined) throw unsupported(logicalId, 'dead-letter queues');
    const arn = template.getAtt(logicalId, 'Arn');
    targets.set(arn, {
      arn,
      functionName: template.ref(logicalId),
      retryAttempts: DEFAULT_RETRIES,
      maximumAgeSeconds: DEFAULT_MAXIMUM_AGE_SECONDS,
      invoke: (event, requestId) => functions.invoke(logicalId, event, requestId),
    });
  }
  for (const { logicalId, properties } of template.resources('AWS::Lambda::EventInvokeConfig')) {
    const { FunctionName, Qualifier, MaximumRetryAttempts, MaximumEventAgeInSeconds, DestinationConfig } = properties;
    if (Object.keys(DestinationConfig ?? {}).length > 0) throw unsupported(logicalId, 'destinations of events');
    const target = targets.get(
      parseFunctionReference(String(FunctionName), String(Qualifier), template.environment).arn,
    );
    if (target === undefined || Qualifier !== '$LATEST') {
      throw new Error(`${logicalId}: the template has no function ${FunctionName}:${Qualifier}`);
    }
    if (MaximumRetryAttempts !== undefined) target.retryAttempts = Number(MaximumRetryAttempts);
    if (MaximumEventAgeInSeconds !== undefined) target.maximumAgeSeconds = Number(MaximumEventAgeInSeconds);
  }
  return targets;
}
