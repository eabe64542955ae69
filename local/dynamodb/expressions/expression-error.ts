/** What is wrong in an expression, in DynamoDB's words; without the name of the parameter, which the request's reader adds. */
export class ExpressionError extends Error {}
