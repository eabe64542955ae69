import { approveAndSignIn } from '../../local/testing/form-browser.ts';

/** Replaces the browser of a desktop: opens the URL, signs ada in, and follows the redirect to the client. */
const [, , url = ''] = process.argv;
const back = await approveAndSignIn(url, 'ada');
const answer = await fetch(back);
console.log(`the client answered ${answer.status}`);
