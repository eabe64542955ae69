/**
 * Stands in for `@smithy/core/event-streams` in the bundles: the clients load it for operations whose answers are event
 * streams, and the functions ask for none.
 */
export class EventStreamSerde {
  constructor() {
    throw new Error('The bundles have no event streams: take the substitute out of lib/bundle/function-bundle.ts');
  }
}

export const eventStreamSerdeProvider = (): undefined => undefined;
