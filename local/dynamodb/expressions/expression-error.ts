/** An invalid expression. `message` is DynamoDB's, without the name of the parameter, which `RequestExpressions` adds. */
export class ExpressionError extends Error {}
