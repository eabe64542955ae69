import type { APIGatewayProxyEvent } from 'aws-lambda';
import { toRequest } from '../../lambda/adapters/api-gateway.ts';

test('toRequest removes the header that contains CloudFront’s secret', () => {
  const multiValueHeaders = { Referer: ['secret'], Accept: ['application/json', 'text/event-stream'] };
  const event = { httpMethod: 'GET', path: '/mcp', body: null, multiValueHeaders } as unknown as APIGatewayProxyEvent;
  const { url, headers } = toRequest(event, 'https://mcp.example.com');
  expect(url).toBe('https://mcp.example.com/mcp');
  expect([...headers]).toEqual([['accept', 'application/json, text/event-stream']]);
});
