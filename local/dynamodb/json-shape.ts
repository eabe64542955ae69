import { AwsError, type Json } from '../aws-api/aws-error.ts';

/** The body is JSON, but not of the shape of this operation. */
export const serializationError = (message: string) => new AwsError('SerializationException', message);

export function objectOf(value: unknown): Json {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Json;
  throw serializationError(
    Array.isArray(value) ? 'Unrecognized collection type' : `Unexpected value type in payload: ${tokenOf(value)}`,
  );
}

/** A JSON value as the errors of the AWS JSON protocol name it. */
export function tokenOf(value: unknown): string {
  switch (typeof value) {
    case 'boolean':
      return value ? 'TRUE_VALUE' : 'FALSE_VALUE';
    case 'number':
      return Number.isInteger(value) ? 'NUMBER_VALUE' : 'DECIMAL_VALUE';
    case 'string':
      return 'STRING_VALUE';
    default:
      return Array.isArray(value) ? 'START_ARRAY' : 'START_OBJECT';
  }
}
