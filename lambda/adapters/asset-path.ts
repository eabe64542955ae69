/**
 * The absolute path of a file in a folder of the setting `assets`: on Lambda, on the laptop, and in a test that runs in the
 * folder of the project.
 *
 * @param path relative to the project, such as `templates/mail.html`
 */
export const assetPath = (path: string): string => `${process.env.LAMBDA_TASK_ROOT ?? process.cwd()}/${path}`;
