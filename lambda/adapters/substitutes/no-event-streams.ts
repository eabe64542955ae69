/**
 * Replaces `@smithy/core/event-streams` in the bundles: the AWS clients load it for operations with event streams, which
 * the functions do not use.
 */
export class EventStreamSerde {
  constructor() {
    throw new Error('Event streams are not bundled: remove the substitute from lib/bundle/esbuild-run.ts');
  }
}

export const eventStreamSerdeProvider = (): undefined => undefined;
