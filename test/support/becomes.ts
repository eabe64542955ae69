/**
 * Polls until a condition holds. For conditions without a signal only, such as the output of another process.
 *
 * @throws Error if the condition does not hold within 4 seconds
 */
export async function becomes(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 4000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`The condition does not hold within 4 seconds: ${condition}`);
    await new Promise((again) => setTimeout(again, 5));
  }
}
