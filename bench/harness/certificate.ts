import { generate } from 'selfsigned';

/** A self-signed certificate for a server on this computer. A client trusts `cert` as the authority. */
export type Certificate = { key: string; cert: string };

export const newCertificate = (...names: string[]): Promise<Certificate> => certificateUntil(undefined, ...names);

const YEAR_MILLISECONDS = 365 * 86_400_000;

/** @param end of its validity. @default in a year */
export async function certificateUntil(end: Date | undefined, ...names: string[]): Promise<Certificate> {
  const { private: key, cert } = await generate([{ name: 'commonName', value: 'localhost' }], {
    keyType: 'ec',
    algorithm: 'sha256',
    ...(end && { notBeforeDate: new Date(end.getTime() - YEAR_MILLISECONDS), notAfterDate: end }),
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', digitalSignature: true, keyCertSign: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true },
      {
        name: 'subjectAltName',
        altNames: [
          ...['localhost', ...names].map((value) => ({ type: 2 as const, value })),
          { type: 7 as const, ip: '127.0.0.1' },
        ],
      },
    ],
  });
  return { key, cert };
}
