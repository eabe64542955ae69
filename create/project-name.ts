import { CreateError } from './create-error.ts';

/** Also the name of a package, and of a CloudFormation stack with the stage after it. */
const nameForm = /^[a-z][a-z0-9]*([._-][a-z0-9]+)*$/;
const LONGEST_NAME = 100;

/** @throws CreateError for a name that npm or CloudFormation rejects */
export function validateName(name: string, dependencies: Record<string, string>): void {
  if (!nameForm.test(name) || name.length > LONGEST_NAME) {
    throw new CreateError(
      `${JSON.stringify(name)} is no name of a project; use lower-case letters, digits and dashes, such as my-server`,
    );
  }
  if (name in dependencies) {
    throw new CreateError(`${name} is a package that the project depends on; choose another name`);
  }
}

/** `my-server` → `MyServer` */
export const stackNameOf = (name: string): string =>
  name
    .split(/[._-]/)
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join('');
