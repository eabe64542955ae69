/** Waits until something is so; a test in which it never is fails here instead of hanging. */
export async function becomes(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 4000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`It never became so: ${condition}`);
    await new Promise((again) => setTimeout(again, 5));
  }
}
