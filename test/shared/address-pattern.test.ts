import net from 'node:net';
import v8 from 'node:v8';
import { compileAddressPattern } from '../../lambda/shared/address-pattern.ts';

test('the pattern of IPv6 addresses is used twice while V8 does not optimize patterns, which it does again afterwards', () => {
  const steps: unknown[] = [];
  jest.spyOn(v8, 'setFlagsFromString').mockImplementation((flag) => void steps.push(flag));
  jest.spyOn(net, 'isIPv6').mockImplementation((text) => steps.push(text) < 0);
  compileAddressPattern();
  expect(steps).toEqual(['--no-regexp-optimization', '', '', '--regexp-optimization']);
});
