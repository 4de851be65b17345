export { send } from './_circle';
