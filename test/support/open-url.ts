import { approveAndSignIn } from '../../bench/harness/form-browser.ts';

/** Stands where a desktop has its browser: opens the address, signs ada in, and follows her back to the client. */
const [, , url = ''] = process.argv;
const back = await approveAndSignIn(url, 'ada');
const answer = await fetch(back);
console.log(`the client answered ${answer.status}`);
