/** Content that the conformance suites require of servers of either SDK. */

export const text = (value: string) => ({ content: [{ type: 'text' as const, text: value }] });

export const userMessage = (value: string) => ({
  role: 'user' as const,
  content: { type: 'text' as const, text: value },
});

/** A PNG image of one red pixel. */
export const png = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==';

/** A WAV file without samples. */
export const wav = 'UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQAAAAA=';
